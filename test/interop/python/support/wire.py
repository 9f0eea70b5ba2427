"""Just enough protobuf to look at the bytes of an answer that pyarrow does not show."""


def fields_of(message: bytes) -> dict[int, list]:
    """Field number -> its values in order: bytes of length-delimited fields, numbers of varints."""
    fields: dict[int, list] = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        assert wire_type in (0, 2), f"field {number} has wire type {wire_type}"
        value, position = _varint(message, position)
        if wire_type == 2:
            value, position = message[position : position + value], position + value
        fields.setdefault(number, []).append(value)
    return fields


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
