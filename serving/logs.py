"""What a process of the service logs: a JSON object a line, on stderr, from where Ray carries it to the driver's."""

import logging

from pythonjsonlogger.json import JsonFormatter

FIELDS = {"asctime": "at", "levelname": "level", "name": "logger"}


LEVELS = {"serving": logging.INFO, "vllm": logging.WARNING}


def log_as_json() -> None:
    """From now on our loggers and vLLM's speak in this process. Further calls change nothing."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter([*FIELDS, "message"], rename_fields=FIELDS))
    for name, level in LEVELS.items():
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(handler)
            logger.setLevel(level)
            logger.propagate = False
