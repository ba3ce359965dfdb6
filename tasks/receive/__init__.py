"""The signed endpoint: what applications, bridges and people send to us, checked before it is believed."""

from tasks.receive.app import application

__all__ = ["application"]
