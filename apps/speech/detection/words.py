"""English words for measuring: no network of the suite is trained on them as other words."""

_LISTED = """
abroad accident advice airport alarm alive amount angle ankle anyway apartment appear April area arrive article artist
asleep attack August aunt autumn avenue average avoid awake award away background bakery balcony banana barrel battery
beach beard beauty beer beetle bicycle bill biscuit blanket bonus boss bowl brain breakfast brick budget bunch burger
cable calendar calm candle captain carpet carrot celery centre cereal channel chapter charm cheek chess chicken
chimney chocolate cinema climb clinic coach coast collar computer concert corner cough county cousin crash cream
credit crew cricket culture curtain customer cycle dad daily decade decide degree delay delicious dentist desert
device diary diet dinosaur dish distance doubt drama drawer drum duck duty eagle effort email emergency enemy energy
entrance envelope equal error escape evidence exam excuse exit expert extra factory fair famous fashion fault February
festival figure file film finance flavour flood flour fluid focus forest fountain fox freezer fridge frozen funny fur
gallery gap garage garlic gas gate gentle ghost giant goal golf gossip grape gravity grocery guess guest guitar gym
habit harvest hate hedge helicopter hero hill hire hobby holiday hotel huge human hunger hurry husband icon image
insect internet item jacket jam January jeans job joke juice July June jury kangaroo kid king kitchen kiwi laptop
lawyer lazy lemon lens lesson lettuce lightning limb lobby local lorry lunch luxury magic manager maple marble March
margin mask master May medicine melon member memory menu message method midnight mirror mix model modern Monday motor
movie museum mystery native nature nephew nurse October olive onion opera orbit oxygen package palace panda parade
parrot partner password patient pepper permit phone photo piano pillow pilot pizza planet plastic player poem police
pond pool port prince prize problem profit project proof pupil puzzle rabbit radio random rapid recipe refuse rent
repair rescue result review rhyme ribbon robot rocket route royal rubbish sailor salad sandwich Saturday sauce scarf
scene score screen search season sector sentence September series session shadow shark shower signal singer skill
slice slogan smart soldier soul source spider spirit sport stadium statue storm student studio style success suit
Sunday supper surface survey symbol talent target taxi teacher team temple tennis text theatre Thursday tiger tiny
title toast tomato tour towel tower toy traffic trip truck Tuesday tunnel turkey uncle vaccine valley vanilla vehicle
velvet victory video village virus visit volume wage wallet Wednesday weekend wheat width wolf wonder yard yoghurt
zebra zone
"""
ENGLISH = tuple(_LISTED.split())
