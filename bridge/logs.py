"""Set up logging: one JSON object per fact, with a constant message and fields."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from bridge.redact import redact_line


def set_up(level: str, form: str) -> None:
    """
    Let all log lines go to standard error.

    Args:
        level: debug, info, warning or error.
        form: json or console.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            redact_line,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
