"""The documentation of a server: the types of its answers, its errors, and examples of both."""
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fashionclf.serving.server_parts import FIELD

ABOUT = ("Labels photographs of garments. An answer with an error is one line of JSON: "
         '`{"error": "the reason"}`.')
REASONS = {  # status: when it is answered, and an example of its reason
    400: ("The form is damaged, empty, or has a field of another name.",
          "the form has no field 'pictures'"),
    401: ("The server has a token that the request lacks.",
          "send the server's token in the header 'Authorization: Bearer TOKEN'"),
    408: ("The request took too long to send.", "the request took over 30 seconds to send"),
    413: ("A picture or the request has too many bytes, or the request too many pictures.",
          "a picture is over the limit of 20,000,000 bytes"),
    415: ("A form where a picture is expected, or the reverse.",
          "the body must be the bytes of a picture, not a form; send forms to /predict/batch"),
    422: ("The picture can't be used, or a parameter is out of range.",
          "50000 x 50000 pixels is over the limit of 50,000,000"),
    500: ("A fault of the server.", "an error of the server; its log has the cause"),
    503: ("Too many pictures are waiting; Retry-After has the seconds after which to try again.",
          "256 pictures are waiting, and 1 more are over the limit of 256"),
    504: ("The answer took too long.", "there was no answer within 60 seconds")}
KINDS = ("image/jpeg", "image/png", "image/webp", "application/octet-stream")
BYTES = {"type": "string", "format": "binary"}
LABEL = {"label": "T-Shirt", "probability": 0.93, "top": [
    {"class": "T-Shirt", "probability": 0.93}, {"class": "Top", "probability": 0.04}]}
LABELS = [LABEL, {"error": REASONS[422][1]}]
SINGLE = {"requestBody": {"required": True, "content": {
    kind: {"schema": BYTES} for kind in KINDS}}}
SEVERAL = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {
    "type": "object", "required": [FIELD],
    "properties": {FIELD: {"type": "array", "items": BYTES}}}}}}}


class ClassProbability(BaseModel):
    """A class and its probability."""
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)
    class_: str = Field(alias="class")
    probability: float = Field(description="0 to 1, to within rounding")


class Label(BaseModel):
    """The most probable class of a picture, and the first ones, falling."""
    label: str
    probability: float = Field(description="0 to 1, to within rounding")
    top: list[ClassProbability]


class Error(BaseModel):
    """Why there is no answer."""
    error: str


class Health(BaseModel):
    """What the server runs."""
    ready: bool
    model: str
    engine: str
    version: str
    classes: list[str]


def documented(*statuses: int, example: Any = None) -> dict[int, dict[str, Any]]:
    """Describes the answers of a path: errors, and by an example what it answers else."""
    answers = {200: {"content": {"application/json": {"example": example}}}} if example else {}
    for status in sorted(statuses):
        description, reason = REASONS[status]
        answers[status] = {"model": Error, "description": description, "content": {
            "application/json": {"example": {"error": reason}}}}
    return answers
