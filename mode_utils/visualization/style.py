"""The colours, safe for all eyes: one meaning each."""

import seaborn as sns

_PALETTE = sns.color_palette("colorblind")
TRAIN, HELD_OUT, MARK = (_PALETTE[place] for place in (0, 9, 3))
MODE, CONTROL = _PALETTE[0], _PALETTE[7]
GOOD, BAD = _PALETTE[0], "#a83200"  # right; wrong or failing, dark enough for small print
