"""What records agree in that match_project compares, for those that do the same without Kinfold."""

RULES = [
    ["last_name", "born"], ["first_name", "postcode"], ["first_name", "last_name", "city"], ["street", "postcode"], ["email"],
    ["born", "postcode"],
]
BROAD = [["last_name", "city"], ["first_name", "born"]]
# What m is learned from.
PASSES = [["last_name", "born"], ["first_name", "born"], ["email"]]


def rules(arguments: list[str]) -> list[list[str]]:
    return RULES + (BROAD if "--broad" in arguments else [])
