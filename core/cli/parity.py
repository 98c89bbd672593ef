"""parity: do our models give what the original systems gave?"""

import sys
from pathlib import Path


def add_commands(commands) -> None:
    """Adds the command to the parser."""
    description = "Compares our code with goldens of the original systems; fails when one differs."
    command = commands.add_parser("parity", help=description, description=description)
    command.set_defaults(run=_parity)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="holds one sub-folder per system")
    command.add_argument("--system", metavar="S", help="check this one alone")
    command.add_argument("--only", metavar="PREFIX", help="check the goldens whose name starts with this")


def _parity(arguments) -> int:
    from core.evaluation.parity import format_check, run_parity

    checked = failed = 0
    for check in run_parity(arguments.folder, system=arguments.system, only=arguments.only):
        print(format_check(check), flush=True)
        if check.reason:
            print(f"{check.name}: {check.reason}", file=sys.stderr)
        checked, failed = checked + 1, failed + (not check.ok)
    print(f"{checked - failed} of {checked} ok")
    return 1 if failed else 0
