"""Frequent English words of every beginning, to be told from the words of a list."""

import re

ENGLISH = re.findall(
    r"\w+",
    """
about above across act add after again age ago air all almost alone along also always among and anger animal another
answer any apple arm army art ask baby back bad bag ball band bank bar base basket bath bean bear beat bed bee before
begin behind bell below best better between big bird bit black blood blow blue board boat body bone book born both
bottle bottom box boy branch brave bread break bridge bright bring broken brother brown brush build burn bus busy
butter button buy cake call camera can car card care carry case castle cat catch cause chain chair chance change cheap
cheese child choose church circle city class clean clear clock close cloud coat coffee coin cold colour comb come
common cook cool copper corn cotton country course cover cow crime cross cry cup current cut damage dance danger dark
daughter day dead deal dear deep desk detail dinner dirty do doctor dog door double down dream dress drink drive dry
dust each ear early earth east easy eat edge egg empty end engine enough even evening event ever every example eye
face fact fall false family far farm fast father fear feather feeling field fight finger fire first fish fixed flag
flat flight floor flower fly fold food fool foot force fork form forward free friend from front fruit full garden
general girl give glass glove goat gold good grain grass great green grey grip group grow guide gun hair half hammer
hand hang happy harbour hard harm hat have head healthy hear heart heat help here high history hole hollow home honey
hook hope horn horse hospital hour house how humour ice idea if important inside iron island jelly jewel join journey
judge jump keep kettle key kick kind kiss knee knife knot knowledge lake lamp land language last late laugh law lead
leaf learn leather left leg less letter level library lift light like limit line lion lip list little live lock long
look loose lost loud love low machine make man map mark market marry match meal measure meat medical meeting metal
middle milk mind minute mist money monkey month moon more morning mother mountain mouth move much muscle music nail
name narrow nation near neck need needle never new news night noise normal north nose not note now number nut ocean of
offer office often oil old only open opinion orange order other oven over owner page pain paint paper parcel part past
paste pay peace pen pencil person picture pig pin pipe place plane plant plate play please pocket point poor position
possible pot potato powder power present price print prison private process produce public pull pump punish purple
purpose push put quality queen question quick quiet quite rail rain range rat rate ray reach read ready reason receipt
record red regret regular request respect rest reward rhythm rice right ring river road rod roll roof room root rough
round rub rule run sad safe sail salt same sand say school science sea seat second secret see seed self send sense
serious servant sex shade shake shame sharp sheep shelf ship shirt shock shoe short shut side sign silk silver simple
sister size skin skirt sky sleep slip slow small smash smell smile smoke smooth snake sneeze snow soap society sock
soft some son song sort sound soup south space spade special sponge spoon spring square stage stamp star start station
steam steel stem step stick stiff still stitch stocking stomach stone stop store story strange street strong such
sudden sugar summer sun support surprise sweet swim system table tail take talk tall taste tax teach tendency test
that then theory there thick thin thing thought thread throat through thumb thunder ticket tight till time tin tired
toe together tomorrow tongue tooth top touch town trade train transport tray tree trick trouble trousers true turn
twist umbrella under unit up use value verse very vessel view violent voice walk wall war warm wash waste watch water
wave wax way weather week weight well west wet wheel when where while whip whistle white who why wide will wind window
wine wing winter wire wise with woman wood wool word work worm wound writing wrong year yellow yes yesterday young
""",
)
