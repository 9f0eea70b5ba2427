"""One array of each Arrow type that pyarrow can make, with nulls where the type has them.

Two types of interval have no factory in pyarrow: they come through the C data interface, as types without arrays.
"""

import ctypes
import datetime
import decimal

import pyarrow as pa

NANOSECONDS_PER_DAY = 86_400_000_000_000


class _CSchema(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("format", "name", "metadata")] + [
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", ctypes.CFUNCTYPE(None, ctypes.c_void_p)),
        ("private_data", ctypes.c_void_p),
    ]


_release = _CSchema._fields_[7][1](
    lambda address: setattr(_CSchema.from_address(address), "release", _CSchema._fields_[7][1]())
)


def type_of_format(letters: bytes) -> pa.DataType:
    """The type named by a format string of the C data interface."""
    schema = _CSchema(format=letters, name=b"", flags=2, release=_release)
    return pa.DataType._import_from_c(ctypes.addressof(schema))


# pyarrow reads these types in a schema and has no arrays of them.
SCHEMA_ONLY: dict[str, pa.DataType] = {
    name: type_of_format(letters) for name, letters in {"month": b"tiM", "day, millisecond": b"tiD"}.items()
}


class _Celsius(pa.ExtensionType):
    """An extension this client registers and no server has heard of."""

    def __init__(self):
        super().__init__(pa.float32(), "example.celsius")

    def __arrow_ext_serialize__(self) -> bytes:
        return b'{"scale": "celsius"}'

    @classmethod
    def __arrow_ext_deserialize__(cls, _storage, _serialized):
        return cls()


pa.register_extension_type(_Celsius())


def _extension(kind: pa.DataType, cells: list) -> pa.Array:
    return pa.ExtensionArray.from_storage(kind, pa.array(cells, kind.storage_type))


def _numbers() -> dict[str, pa.Array]:
    arrays = {}
    for bits in (8, 16, 32, 64):
        arrays[f"int{bits}"] = pa.array([-(2 ** (bits - 1)), None, 2 ** (bits - 1) - 1], getattr(pa, f"int{bits}")())
        arrays[f"uint{bits}"] = pa.array([0, None, 2**bits - 1], getattr(pa, f"uint{bits}")())
    for bits in (16, 32, 64):
        arrays[f"float{bits}"] = pa.array([1.5, None, float("-inf")], getattr(pa, f"float{bits}")())
    for bits, digits in ((32, 9), (64, 18), (128, 38), (256, 76)):
        for scale in (0, 4, digits, -3):
            kind = getattr(pa, f"decimal{bits}")(digits, scale)
            cell = decimal.Decimal(12).scaleb(max(-scale, 3) if scale < 0 else -scale)
            arrays[str(kind)] = pa.array([cell, None, -cell], kind)
    return arrays


def _times() -> dict[str, pa.Array]:
    kinds = [pa.date32(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
    for unit in ("s", "ms", "us", "ns"):
        kinds += [pa.duration(unit), pa.timestamp(unit), pa.timestamp(unit, "UTC"), pa.timestamp(unit, "Europe/Zurich")]
    arrays = {
        str(kind): pa.array([0, None, 12_345], pa.int64())
        .cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        .cast(kind)
        for kind in kinds
    }
    arrays["date64"] = pa.array([datetime.date(1969, 1, 1), None, datetime.date(2400, 2, 29)], pa.date64())
    arrays["interval[month, day, nano]"] = pa.array(
        [(-1, 2, NANOSECONDS_PER_DAY), None, (0, 0, 0)], pa.month_day_nano_interval()
    )
    return arrays


def _bytes_and_text() -> dict[str, pa.Array]:
    words = ["", None, "short", "é🔥 longer than the twelve bytes of a view", "x" * 3000]
    arrays = {str(kind): pa.array(words, kind) for kind in (pa.utf8(), pa.large_utf8(), pa.string_view())}
    cells = [None if word is None else word.encode() for word in words]
    arrays |= {str(kind): pa.array(cells, kind) for kind in (pa.binary(), pa.large_binary(), pa.binary_view())}
    for width in (0, 1, 16, 1000):
        arrays[f"fixed_size_binary[{width}]"] = pa.array([b"a" * width, None, b"\xff" * width], pa.binary(width))
    return arrays


def _nested() -> dict[str, pa.Array]:
    lists, pairs = [[1, None], None, [], [3, 4, 5]], [{"a": 1, "b": "x"}, None, {"a": None, "b": None}]
    arrays = {}
    for make in (pa.list_, pa.large_list, pa.list_view, pa.large_list_view):
        arrays[make.__name__.rstrip("_")] = pa.array(lists, make(pa.int32()))
    arrays["fixed_size_list"] = pa.array([[1, 2], None, [3, None]], pa.list_(pa.int16(), 2))
    arrays["fixed_size_list of nothing"] = pa.array([[], None, []], pa.list_(pa.int16(), 0))
    arrays["list of not null"] = pa.array([[1], None], pa.list_(pa.field("element", pa.int8(), nullable=False)))
    arrays["struct"] = pa.array(pairs, pa.struct([("a", pa.int64()), ("b", pa.utf8())]))
    arrays["struct of nothing"] = pa.array([{}, None, {}], pa.struct([]))
    arrays["map"] = pa.array([[("k", 1), ("l", None)], None, []], pa.map_(pa.utf8(), pa.int32()))
    arrays["map with sorted keys"] = pa.array([[("k", 1)], None], pa.map_(pa.utf8(), pa.int32(), keys_sorted=True))
    arrays["list of struct of map"] = pa.array(
        [[{"m": [(1, ["x", None])]}], None],
        pa.list_(pa.struct([("m", pa.map_(pa.int8(), pa.list_(pa.string_view())))])),
    )
    return arrays


def _unions() -> dict[str, pa.Array]:
    numbers, words = pa.array([1, None, 3], pa.int32()), pa.array(["a", "b", None])
    codes, offsets = pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 2], pa.int32())
    far = pa.array([5, 127, 5], pa.int8())
    return {
        "sparse union": pa.UnionArray.from_sparse(codes, [numbers, words], ["n", "w"]),
        "dense union": pa.UnionArray.from_dense(codes, offsets, [numbers, words], ["n", "w"]),
        "sparse union with far type codes": pa.UnionArray.from_sparse(far, [numbers, words], ["n", "w"], [5, 127]),
        "dense union with far type codes": pa.UnionArray.from_dense(
            far, offsets, [numbers, words], ["n", "w"], [5, 127]
        ),
    }


def _encoded() -> dict[str, pa.Array]:
    words = pa.array(["a", "b", None, "a", "a"])
    arrays = {}
    for index in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        kind = pa.dictionary(getattr(pa, index)(), pa.utf8())
        arrays[f"dictionary with {index} indices"] = words.cast(kind)
    indices = pa.array([1, None, 0], pa.int8())
    arrays["ordered dictionary"] = pa.DictionaryArray.from_arrays(indices, pa.array([1.5, 2.5]), ordered=True)
    arrays["dictionary of structs"] = pa.DictionaryArray.from_arrays(indices, pa.array([{"a": 1}, {"a": 2}]))
    arrays["dictionary with a null value"] = pa.DictionaryArray.from_arrays(indices, pa.array(["x", None]))
    arrays["empty dictionary"] = pa.DictionaryArray.from_arrays(
        pa.array([None, None], pa.int8()), pa.array([], pa.utf8())
    )
    inner = pa.DictionaryArray.from_arrays(indices, pa.array(["x", "y"]))
    arrays["struct of dictionaries"] = pa.StructArray.from_arrays([inner, inner], ["a", "b"])
    arrays["list of dictionaries"] = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), inner)
    for ends in ("int16", "int32", "int64"):
        arrays[f"run-end encoded by {ends}"] = pa.RunEndEncodedArray.from_arrays(
            pa.array([2, 5, 6], getattr(pa, ends)()), pa.array(["x", None, "y"])
        )
    return arrays


def _extensions() -> dict[str, pa.Array]:
    return {
        "extension uuid": _extension(pa.uuid(), [b"0123456789abcdef", None]),
        "extension json": _extension(pa.json_(), ['{"a": 1}', None]),
        "extension bool8": _extension(pa.bool8(), [1, None, 0]),
        "extension opaque": _extension(pa.opaque(pa.binary(), "geometry", "example"), [b"point", None]),
        "extension fixed-shape tensor": _extension(
            pa.fixed_shape_tensor(pa.int32(), [2, 3]), [[1, 2, 3, 4, 5, 6], None]
        ),
        "extension of this client": _extension(_Celsius(), [36.6, None]),
        "list of extension": pa.ListArray.from_arrays([0, 1, 2], _extension(pa.uuid(), [b"0123456789abcdef", None])),
    }


ARRAYS: dict[str, pa.Array] = {
    "null": pa.nulls(3),
    "bool": pa.array([True, None, False]),
    **_numbers(),
    **_times(),
    **_bytes_and_text(),
    **_nested(),
    **_unions(),
    **_encoded(),
    **_extensions(),
}
