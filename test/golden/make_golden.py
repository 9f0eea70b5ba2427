"""Makes the golden bytes: Arrow IPC written by pyarrow, and what a reader must find in it.

Run it with a Python that has pyarrow 26, from anywhere:  python make_golden.py
Output beside this file: arrow/*.arrows (streams), arrow/*.arrow (files), arrow/golden.json (what they hold).
The same input gives the same bytes, but other versions of pyarrow may lay them out differently.
"""

import decimal
import json
import pathlib

import pyarrow as pa

OUT = pathlib.Path(__file__).parent / "arrow"

PLAIN = {
    pa.types.is_null: "null",
    pa.types.is_boolean: "bool",
    pa.types.is_float16: "float16",
    pa.types.is_float32: "float32",
    pa.types.is_float64: "float64",
    pa.types.is_date32: "date32",
    pa.types.is_date64: "date64",
    pa.types.is_binary: "binary",
    pa.types.is_string: "utf8",
    pa.types.is_large_binary: "large_binary",
    pa.types.is_large_string: "large_utf8",
    pa.types.is_binary_view: "binary_view",
    pa.types.is_string_view: "utf8_view",
    pa.types.is_list: "list",
    pa.types.is_large_list: "large_list",
    pa.types.is_list_view: "list_view",
    pa.types.is_large_list_view: "large_list_view",
    pa.types.is_struct: "struct",
    pa.types.is_run_end_encoded: "run_end_encoded",
    pa.types.is_interval: "interval[month_day_nano]",
}

EXTENSION_METADATA = {"arrow.uuid": "", "arrow.json": "", "arrow.fixed_shape_tensor": '{"shape":[2]}'}


def type_text(t):
    """The canonical text of a type, written a second time, from pyarrow's side."""
    if pa.types.is_integer(t):
        return str(t)
    for matches, text in PLAIN.items():
        if matches(t):
            return text
    if pa.types.is_decimal(t):
        return f"decimal{t.bit_width}({t.precision},{t.scale})"
    if pa.types.is_time(t):
        return f"time{t.bit_width}[{t.unit}]"
    if pa.types.is_timestamp(t):
        return f"timestamp[{t.unit}, {t.tz}]" if t.tz else f"timestamp[{t.unit}]"
    if pa.types.is_duration(t):
        return f"duration[{t.unit}]"
    if pa.types.is_fixed_size_binary(t):
        return f"fixed_size_binary[{t.byte_width}]"
    if pa.types.is_fixed_size_list(t):
        return f"fixed_size_list[{t.list_size}]"
    if pa.types.is_map(t):
        return "map[keys_sorted]" if t.keys_sorted else "map"
    if pa.types.is_union(t):
        return f"{t.mode}_union[{','.join(map(str, t.type_codes))}]"
    raise TypeError(t)


def child_fields(t):
    if pa.types.is_map(t):
        entries = pa.struct([t.key_field, t.item_field])
        return [pa.field("entries", entries, nullable=False)]
    if pa.types.is_run_end_encoded(t):
        return [pa.field("run_ends", t.run_end_type, nullable=False), pa.field("values", t.value_type)]
    return [t.field(i) for i in range(t.num_fields)]


def metadata_list(metadata):
    return [[k.decode(), v.decode()] for k, v in (metadata or {}).items()]


def field_facts(field):
    t, metadata = field.type, metadata_list(field.metadata)
    if isinstance(t, pa.BaseExtensionType):
        metadata += [
            ["ARROW:extension:name", t.extension_name],
            ["ARROW:extension:metadata", EXTENSION_METADATA[t.extension_name]],
        ]
        t = t.storage_type
    facts = {"name": field.name, "nullable": field.nullable, "metadata": sorted(metadata)}
    if pa.types.is_dictionary(t):
        facts["dictionary"] = {"indexType": str(t.index_type), "isOrdered": t.ordered}
        t = t.value_type
    facts["type"] = type_text(t)
    facts["children"] = [field_facts(child) for child in child_fields(t)]
    return facts


def numbers():
    names = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]
    columns = {name: pa.array([1, None, 3], pa.float64()).cast(getattr(pa, name)()) for name in names}
    return pa.table({**columns, "none": pa.nulls(3), "bool": [True, None, False]})


def decimals():
    values = [decimal.Decimal("1.25"), None, decimal.Decimal("-3.50")]
    types = [pa.decimal32(7, 2), pa.decimal64(16, 3), pa.decimal128(38, 9), pa.decimal256(70, -2), pa.decimal256(76, 4)]
    cells = [values, values, values, [decimal.Decimal(100), None, decimal.Decimal(-300)], values]
    return pa.table([pa.array(cell, t) for cell, t in zip(cells, types)], [f"d{i}" for i in range(len(types))])


def times():
    types = [pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")]
    types += [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")]
    types += [pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Berlin")]
    types += [pa.duration(unit) for unit in ("s", "ms", "us", "ns")]
    width = lambda t: pa.int32() if t.bit_width == 32 else pa.int64()
    arrays = [pa.array([0, None, 86_400_000 if t == pa.date64() else 1], width(t)).cast(t) for t in types]
    interval = pa.array([(1, 2, 3), None, (0, 0, -1)], pa.month_day_nano_interval())
    return pa.table([*arrays, interval], [str(i) for i in range(len(types) + 1)])


def strings():
    cells = ["a", None, "a text longer than twelve bytes, so that a view needs a buffer"]
    types = [pa.utf8(), pa.large_utf8(), pa.binary(), pa.large_binary(), pa.string_view(), pa.binary_view()]
    fixed = pa.array([b"abc", None, b"xyz"], pa.binary(3))
    return pa.table([*(pa.array(cells, t) for t in types), fixed], [str(t) for t in types] + ["fixed"])


def nested():
    deep = pa.struct([("x", pa.list_(pa.struct([("y", pa.large_list(pa.int16()))]))), ("z", pa.utf8())])
    items = [[1, 2], None, []]
    pairs = [[("k", 1)], None, []]
    return pa.table(
        {
            "deep": pa.array([{"x": [{"y": [1, None]}], "z": "q"}, None, {"x": [], "z": None}], deep),
            "list_view": pa.array(items, pa.list_view(pa.int32())),
            "large_list_view": pa.array(items, pa.large_list_view(pa.int32())),
            "fixed": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
            "map": pa.array(pairs, pa.map_(pa.utf8(), pa.int64())),
            "sorted": pa.array(pairs, pa.map_(pa.utf8(), pa.int64(), keys_sorted=True)),
            "runs": pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int16()), pa.array(["a", None])),
        }
    )


def unions():
    children = [pa.array([1, 2, 3]), pa.array(["a", "b", "c"])]
    codes = pa.array([5, 7, 5], pa.int8())
    sparse = pa.UnionArray.from_sparse(codes, children, ["n", "t"], [5, 7])
    dense = pa.UnionArray.from_dense(pa.array([0, 1, 0], pa.int8()), pa.array([0, 0, 1], pa.int32()), children)
    return pa.table({"sparse": sparse, "dense": dense})


def dictionaries():
    plain = pa.array(["a", "b", "a"]).dictionary_encode()
    ordered = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array([10, 20]), ordered=True)
    wide = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.uint64()), pa.array(["x", "y"]))
    inner = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), plain)
    return pa.table({"plain": plain, "ordered": ordered, "wide": wide, "inner": inner})


def extensions():
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 3, pa.binary(16)))
    texts = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}", None, "[]"]))
    tensor = pa.fixed_shape_tensor(pa.int32(), [2])
    shaped = pa.ExtensionArray.from_storage(tensor, pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int32(), 2)))
    return pa.table({"uuid": uuids, "json": texts, "tensor": shaped})


def annotated():
    fields = [pa.field("id", pa.int64(), nullable=False, metadata={"unit": "m", "": "empty key"})]
    metadata = {"flame.cache.format": "arrow-table-v1", "kept": "\u00e4\u00f6\u00fc", "empty": "", "flame.cache.version": "7"}
    return pa.table([pa.array([1, 2, 3])], schema=pa.schema(fields, metadata))


def deltas():
    grown = [pa.array(values) for values in (["a", "b"], ["a", "b", "c"])]
    chunks = [pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), values) for values in grown]
    return pa.table({"d": pa.chunked_array(chunks)})


def replaced():
    other = [pa.array(values) for values in (["a", "b"], ["x", "y"])]
    return pa.table({"d": pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array([0, 1]), v) for v in other])})


TABLES = [numbers, decimals, times, strings, nested, unions, dictionaries, extensions, annotated]
STREAMS = {
    **{make.__name__: (make(), {}) for make in TABLES},
    "lz4": (pa.table({"n": pa.array(range(500)), "t": ["text"] * 500}), {"compression": "lz4"}),
    "zstd": (pa.table({"n": pa.array(range(500)), "t": ["text"] * 500}), {"compression": "zstd"}),
    "deltas": (deltas(), {"emit_dictionary_deltas": True}),
    "replaced": (replaced(), {}),
    "version4": (pa.table({"n": [1, 2]}), {"metadata_version": pa.ipc.MetadataVersion.V4}),
    "legacy": (pa.table({"n": [1, 2]}), {"use_legacy_format": True}),
    "no-rows": (pa.table({"n": pa.array([], pa.int64())}).schema.empty_table(), {}),
    "no-columns": (pa.table({}), {}),
}


def message_facts(stream):
    facts = []
    for message in pa.ipc.MessageReader.open_stream(pa.BufferReader(stream)):
        body = message.body
        facts.append({"kind": message.type, "bodySizeBytes": 0 if body is None else body.size})
    return facts


def write_stream(table, options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def write_file(table, metadata):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, metadata=metadata) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def table_facts(table):
    fields = [field_facts(field) for field in table.schema]
    return {"fields": fields, "metadata": metadata_list(table.schema.metadata)}


def main():
    OUT.mkdir(exist_ok=True)
    golden = {"streams": {}, "files": {}}
    for name, (table, options) in STREAMS.items():
        stream = write_stream(table, options)
        (OUT / f"{name}.arrows").write_bytes(stream)
        rows = [batch.num_rows for batch in pa.ipc.open_stream(stream)]
        compression = {"lz4": "lz4_frame", "zstd": "zstd"}.get(options.get("compression"), "none")
        messages = message_facts(stream)
        golden["streams"][name] = {**table_facts(table), "rows": rows, "compression": compression, "messages": messages}
    for name in ("nested", "dictionaries", "annotated"):
        table = pa.concat_tables([STREAMS[name][0]] * 2)
        metadata = {"flame.cache.version": "3", "other": "x"}
        (OUT / f"{name}.arrow").write_bytes(write_file(table, metadata))
        facts = {**table_facts(table), "footerMetadata": [[k, v] for k, v in metadata.items()]}
        golden["files"][name] = {**facts, "rows": [batch.num_rows for batch in table.to_batches()]}
    (OUT / "golden.json").write_text(json.dumps(golden, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
