"""The colours that all pictures, plots and pages of this project share."""

GIVEN = "#2f9e6e"  # green: frames that were given
PREDICTED = "#d64545"  # red: frames that were predicted
INK, PAPER, FAINT = "#1f2933", "#ffffff", "#9aa5b1"
WORLD = "#e08e2b"  # what else could have happened
MODEL, POSTERIOR, BEST = "#3366cc", "#8a56ac", "#1d8fa6"
BASELINES = ("#9aa5b1", "#c9b27c", "#b08f8f", "#7f9172")
BETA, FORCING = "#b5485d", "#5b8c5a"
SEQUENCE = ("#3366cc", "#e08e2b", "#2f9e6e", "#8a56ac", "#d64545", "#1d8fa6")


def rgb(colour: str) -> tuple[int, int, int]:
    """Return a colour as three bytes.

    >>> rgb(PREDICTED)
    (214, 69, 69)
    """
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
