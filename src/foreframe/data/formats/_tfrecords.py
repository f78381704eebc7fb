"""TFRecord files of tf.Example messages, read without TensorFlow. Needs protobuf and google-crc32c
(extra `tfrecord`).

A record is: its length (8 bytes), a masked CRC-32C of them, the content, a masked CRC-32C of it.
Both are verified.
Sources: tensorflow.org/tutorials/load_data/tfrecord (framing),
    tensorflow/core/example/example.proto (message).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.options import SourceOptions

Array = NDArray[Any]

_HEAD, _TAIL = struct.Struct("<QI"), struct.Struct("<I")
_MASK = 0xA282EAD8
_EXTRA = (
    "reading TFRecords needs protobuf and google-crc32c; "
    "install them with: pip install 'foreframe[tfrecord]'"
)


@dataclass(frozen=True)
class Record:
    """Where a record's content lies in its file."""

    file: Path
    offset: int
    length: int

    def read(self) -> dict[str, Any]:
        """The record as an example: bytes as a list, numbers as an array.

        Raises:
            InputError: the content is damaged, naming file and offset.
        """
        where = f"{self.file}: record at byte {self.offset}"
        try:
            with self.file.open("rb") as file:
                file.seek(self.offset)
                content, tail = file.read(self.length), file.read(_TAIL.size)
        except OSError as error:
            raise InputError(f"{where} cannot be read ({error.strerror})") from None
        if len(content) < self.length or len(tail) < _TAIL.size:
            raise InputError(
                f"{where} is cut off; expected {self.length} bytes and a checksum: "
                "fetch the file again"
            )
        if _masked_crc(content) != _TAIL.unpack(tail)[0]:
            raise InputError(
                f"{where} is damaged (its checksum differs): "
                "fetch the file again, or say --skip-bad"
            )
        return _example(content, where)


def records(file: Path, options: SourceOptions) -> tuple[list[Record], str | None]:
    """Where the records of a file lie. Only lengths are read, so a file of gigabytes takes no time.

    Returns: The records; and what is wrong where the file is damaged and `skip_bad`: what lies
        behind cannot be found any more.

    Raises:
        InputError: a length is damaged, a record is more than may be held at once, or the file ends
            early, naming file and offset.
    """
    found: list[Record] = []
    try:
        size = file.stat().st_size
        with file.open("rb") as opened:
            offset = 0
            while offset < size:
                opened.seek(offset)
                head = opened.read(_HEAD.size)
                fault = _fault(head, offset, size)
                if fault:
                    message = f"{file}: {fault}: fetch the file again, or say --skip-bad"
                    if options.skip_bad:
                        return found, message
                    raise InputError(message)
                length = _HEAD.unpack(head)[0]
                options.check_memory(length, f"{file}: the record at byte {offset}")
                found.append(Record(file, offset + _HEAD.size, length))
                offset += _HEAD.size + length + _TAIL.size
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); expected a TFRecord file"
        ) from None
    return found, None


def _fault(head: bytes, offset: int, size: int) -> str | None:
    if len(head) < _HEAD.size:
        return f"the file ends within the length of a record at byte {offset}"
    length, crc = _HEAD.unpack(head)
    if _masked_crc(head[:8]) != crc:
        return f"the length of the record at byte {offset} is damaged (its checksum differs)"
    if offset + _HEAD.size + length + _TAIL.size > size:
        return f"the file ends within the record at byte {offset}"
    return None


def _masked_crc(content: bytes) -> int:
    try:
        import google_crc32c
    except ImportError:
        raise InputError(_EXTRA) from None
    crc = google_crc32c.value(content)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def _example(content: bytes, where: str) -> dict[str, Any]:
    from google.protobuf.message import DecodeError

    try:
        features = _message().FromString(content).features.feature
    except DecodeError as error:
        raise InputError(f"{where} is no tf.Example ({error}); expected one a record") from None
    return {key: _values(feature) for key, feature in features.items()}


def _values(feature: Any) -> list[bytes] | Array:
    kind = feature.WhichOneof("kind")
    if kind == "bytes_list":
        return list(feature.bytes_list.value)
    if kind == "int64_list":
        return np.asarray(feature.int64_list.value, np.int64)
    return np.asarray(feature.float_list.value, np.float32)


@functools.cache
def _message() -> Any:
    """The class of tf.Example, from its description.

    The message of the field's documentation, field by field.
    """
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise InputError(_EXTRA) from None
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="foreframe/example.proto", package="foreframe", syntax="proto3"
    )

    def message(
        name: str, fields: Sequence[tuple[str, int, str | None]], repeated: bool = False
    ) -> Any:
        made = file.message_type.add(name=name)
        for number, (field, kind, type_name) in enumerate(fields, start=1):
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            made.field.add(name=field, number=number, type=kind, label=label, type_name=type_name)
        return made

    lists: Mapping[str, int] = {
        "Bytes": kinds.TYPE_BYTES,
        "Float": kinds.TYPE_FLOAT,
        "Int64": kinds.TYPE_INT64,
    }
    for name, kind in lists.items():
        message(f"{name}List", [("value", kind, None)], repeated=True)
    feature = message(
        "Feature",
        [(f"{name.lower()}_list", kinds.TYPE_MESSAGE, f".foreframe.{name}List") for name in lists],
    )
    feature.oneof_decl.add(name="kind")
    for field in feature.field:
        field.oneof_index = 0
    features = message(
        "Features",
        [("feature", kinds.TYPE_MESSAGE, ".foreframe.Features.FeatureEntry")],
        repeated=True,
    )
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    entry.field.add(
        name="value",
        number=2,
        type=kinds.TYPE_MESSAGE,
        label=kinds.LABEL_OPTIONAL,
        type_name=".foreframe.Feature",
    )
    message("Example", [("features", kinds.TYPE_MESSAGE, ".foreframe.Features")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("foreframe.Example"))
