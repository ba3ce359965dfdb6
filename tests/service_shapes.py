"""What the services say that they take, as JSON Schemas written from their public pages; a sink refuses what differs.

PagerDuty: https://developer.pagerduty.com/docs/send-alert-event and the OpenAPI document of the Events API v2 in
https://github.com/PagerDuty/api-schema (reference/events-v2). Slack: https://docs.slack.dev/reference/block-kit/blocks
and https://docs.slack.dev/reference/block-kit/composition-objects/text-object. Teams:
https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using and
https://adaptivecards.io/schemas/adaptive-card.json.
"""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

PAGERDUTY = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key", "payload"],
    "additionalProperties": False,
    "properties": {
        "routing_key": {"type": "string", "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {"type": "string", "minLength": 1, "maxLength": 255},
        "client": {"type": "string"},
        "client_url": {"type": "string"},
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["href"],
                "properties": {"href": {"type": "string", "pattern": "^https?://"}, "text": {"type": "string"}},
            },
        },
        "images": {"type": "array"},
        "payload": {
            "type": "object",
            "required": ["summary", "severity", "source"],
            "additionalProperties": False,
            "properties": {
                "summary": {"type": "string", "minLength": 1, "maxLength": 1024},
                "severity": {"enum": ["critical", "error", "warning", "info"]},
                "source": {"type": "string", "minLength": 1},
                "timestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+\d\d:\d\d$"},
                "component": {"type": "string"},
                "group": {"type": "string"},
                "class": {"type": "string"},
                "custom_details": {"type": "object"},
            },
        },
    },
}

PLAIN = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {"type": {"const": "plain_text"}, "text": {"type": "string", "minLength": 1}, "emoji": {}},
}


def block(kind: str, most: int) -> dict[str, Any]:
    text = {
        **PLAIN,
        "properties": {**PLAIN["properties"], "text": {"type": "string", "minLength": 1, "maxLength": most}},
    }
    return {
        "type": "object",
        "required": ["type", "text"],
        "additionalProperties": False,
        "properties": {"type": {"const": kind}, "text": text},
    }


SLACK = {
    "type": "object",
    "required": ["text", "blocks"],
    "additionalProperties": False,
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 4000, "pattern": "^[^<>]*$"},
        "blocks": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": {"oneOf": [block("header", 150), block("section", 3000)]},
        },
    },
}

RUN = {
    "type": "object",
    "required": ["type", "text"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "TextRun"},
        "text": {"type": "string"},
        "weight": {"enum": ["lighter", "default", "bolder"]},
        "size": {"enum": ["default", "small", "medium", "large", "extraLarge"]},
        "color": {"enum": ["default", "dark", "light", "accent", "good", "warning", "attention"]},
    },
}
TEAMS = {
    "type": "object",
    "required": ["type", "attachments"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "message"},
        "attachments": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["contentType", "content"],
                "additionalProperties": False,
                "properties": {
                    "contentType": {"const": "application/vnd.microsoft.card.adaptive"},
                    "contentUrl": {"type": "null"},
                    "content": {
                        "type": "object",
                        "required": ["type", "version", "body"],
                        "properties": {
                            "$schema": {"const": "http://adaptivecards.io/schemas/adaptive-card.json"},
                            "type": {"const": "AdaptiveCard"},
                            "version": {"enum": ["1.2", "1.3", "1.4", "1.5"]},
                            "body": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "required": ["type", "inlines"],
                                    "properties": {
                                        "type": {"const": "RichTextBlock"},
                                        "inlines": {"type": "array", "minItems": 1, "items": RUN},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}

LARGEST = {"pagerduty": 512 * 1024, "teams": 28 * 1024}  # bytes of a request
ALL_BLOCKS = 13_000  # characters of text (slackapi/bolt-js 2509: refused from about 13,200 on)
SHAPES = {"pagerduty": PAGERDUTY, "slack": SLACK, "teams": TEAMS}


def refusals(route: str, body: bytes) -> list[str]:
    """What a service would have against a request; nothing when it takes it."""
    if route not in SHAPES:
        return []
    told = json.loads(body)
    found = [error.message[:200] for error in Draft202012Validator(SHAPES[route]).iter_errors(told)]
    if len(body) > LARGEST.get(route, len(body)):
        found.append(f"{len(body)} bytes")
    if route == "slack" and not found and sum(len(one["text"]["text"]) for one in told["blocks"]) > ALL_BLOCKS:
        found.append("msg_blocks_too_long")
    return found
