"""Commands as a terminal runs them."""

from core.cli import main


def run(*arguments) -> int:
    """The exit status."""
    return main([str(argument) for argument in arguments])


def refused(capsys, *arguments) -> str:
    """The one sentence of a command that must exit with 2 and say nothing else."""
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.endswith(".\n") and "Traceback" not in err
    return err
