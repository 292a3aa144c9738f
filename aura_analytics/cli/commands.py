"""Groups of commands: in sections, in the order of work, and with a command that a bare argument means."""

from __future__ import annotations

from typing import Any, ClassVar

from typer.core import TyperGroup

__all__ = ["Sections", "with_default"]


class Sections(TyperGroup):
    """Commands listed under headings, each with its whole first sentence."""

    sections: ClassVar[dict[str, tuple[str, ...]]] = {
        "Begin": ("demo", "start", "lab"),
        "Bring events in": ("mapping", "import", "import-many", "record"),
        "Read what they say": (
            "dossiers",
            "office",
            "correlations",
            "case-mix",
            "compare",
            "agreement",
            "disparity",
            "report",
            "brief",
            "metrics",
            "stats",
            "query",
            "explain",
        ),
        "Decide and act": ("rules", "plan", "hr", "score", "route", "learn"),
        "Try rules out": ("simulate", "export"),
        "Look after what is kept": ("ledger", "log", "serve", "keys", "mute"),
    }

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of work."""
        placed = [name for names in self.sections.values() for name in names]
        return [*(name for name in placed if name in self.commands), *sorted(set(self.commands) - set(placed))]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the sections."""
        left = set(self.commands)
        for heading, names in (
            *self.sections.items(),
            ("More", tuple(sorted(left - {n for s in self.sections.values() for n in s}))),
        ):
            rows = [(name, _first_sentence(self.commands[name])) for name in names if name in self.commands]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)


def _first_sentence(command: Any) -> str:
    text = " ".join((command.help or command.short_help or "").split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "." if text else ""


def with_default(name: str) -> type[TyperGroup]:
    """A group in which arguments that begin with no command's name mean one command."""

    class WithDefault(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
                args = [name, *args]
            return super().parse_args(ctx, args)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            with formatter.section("Commands"):
                formatter.write_dl([(each, _first_sentence(command)) for each, command in self.commands.items()])

    return WithDefault
