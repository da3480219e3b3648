"""The verbs by which networks pass from hand to hand: those that come with the suite, push, pull; and data: mirror."""
