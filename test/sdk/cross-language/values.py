"""Random values on which both SDKs must agree: bytes, JSON, and tables of the types that both sides
support.

    values.py make  DIRECTORY COUNT SEED   writes values.json and one IPC stream per table
    values.py put   DIRECTORY PREFIX       puts all of them with the Python client, prints a line of JSON: the encoded references
    values.py check DIRECTORY              reads references as JSON from standard input, gets each, prints those that differ

`values.json` is a list of {"kind": "bytes", "hex"}, {"kind": "json", "value"} or {"kind": "table", "file"}.
"""

import datetime
import decimal
import json
import os
import random
import string
import sys

import numpy as np
import pyarrow as pa

COLUMN_ROWS_MAX = 12
TEXT = string.printable + "äß€漢字😀\u2028\0"
SAFE_INTEGER = 2**53 - 1


def random_text(rng):
    return "".join(rng.choice(TEXT) for _ in range(rng.randrange(12)))


def random_json(rng, depth=0):
    kind = rng.randrange(8 if depth < 4 else 5)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind == 1:
        return rng.choice([0, 1, -1, SAFE_INTEGER, -SAFE_INTEGER, rng.randrange(-(10**9), 10**9)])
    if kind == 2:
        return rng.choice([0.5, -1.25e300, 5e-324, 1e20, 1.2345678901234568e20, 1e21, rng.uniform(-1e6, 1e6)])
    if kind in (3, 4):
        return random_text(rng)
    if kind == 5:
        return [random_json(rng, depth + 1) for _ in range(rng.randrange(5))]
    return {random_text(rng): random_json(rng, depth + 1) for _ in range(rng.randrange(5))}


def integers(bits, signed):
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return lambda rng: rng.choice([low, high, 0, rng.randint(low, high)])


def random_decimal(rng):
    return decimal.Decimal(rng.randint(-(10**17), 10**17)).scaleb(-4)


def random_date(rng):
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=rng.randrange(-20000, 40000))


def whole(limit):
    return lambda rng: rng.randrange(limit)


LEAVES = [
    *((getattr(pa, f"int{bits}")(), integers(bits, True)) for bits in (8, 16, 32, 64)),
    *((getattr(pa, f"uint{bits}")(), integers(bits, False)) for bits in (8, 16, 32, 64)),
    (pa.float16(), lambda rng: np.float16(rng.choice([0.0, 0.5, -2048.0, 65504.0]))),
    (pa.float32(), lambda rng: rng.choice([0.0, -0.0, 0.5, 2.0**100, float("inf")])),
    (pa.float64(), lambda rng: rng.uniform(-1e300, 1e300)),
    (pa.bool_(), lambda rng: rng.random() < 0.5),
    (pa.utf8(), random_text),
    (pa.large_utf8(), random_text),
    (pa.binary(), lambda rng: rng.randbytes(rng.randrange(9))),
    (pa.large_binary(), lambda rng: rng.randbytes(rng.randrange(9))),
    (pa.binary(5), lambda rng: rng.randbytes(5)),
    (pa.date32(), random_date),
    (pa.date64(), random_date),
    (pa.time32("ms"), whole(86_400_000)),
    (pa.time32("s"), whole(86_400)),
    (pa.time64("us"), whole(86_400_000_000)),
    (pa.time64("ns"), whole(86_400_000_000_000)),
    (pa.timestamp("s"), whole(2**31)),
    (pa.timestamp("ms", tz="UTC"), whole(2**41)),
    (pa.timestamp("us", tz="Europe/Berlin"), whole(2**51)),
    (pa.timestamp("ns"), whole(2**62)),
    (pa.duration("s"), whole(2**31)),
    (pa.duration("us"), whole(2**50)),
    (pa.duration("ns"), whole(2**62)),
    (pa.month_day_nano_interval(), lambda rng: (rng.randrange(20), rng.randrange(40), rng.randrange(10**9))),
    (pa.decimal128(20, 4), random_decimal),
    (pa.null(), lambda rng: None),
]


def random_column_type(rng, depth=0):
    """A type and a function that makes values of it."""
    kind = rng.randrange(9 if depth < 2 else 4)
    if kind < 4:
        return rng.choice(LEAVES)
    inner, make = random_column_type(rng, depth + 1)
    if kind == 4:
        return pa.list_(inner), lambda rng: [make(rng) for _ in range(rng.randrange(4))]
    if kind == 5:
        return pa.list_(inner, 2), lambda rng: [make(rng), make(rng)]
    if kind == 6:
        return pa.struct([("a", inner), ("b", pa.utf8())]), lambda rng: {"a": make(rng), "b": random_text(rng)}
    if kind == 7:
        return pa.map_(pa.utf8(), inner), lambda rng: [(f"{key} {random_text(rng)}", make(rng)) for key in range(rng.randrange(3))]
    return pa.dictionary(pa.int32(), pa.utf8()), lambda rng: rng.choice(["red", "green", "blue"])


def random_union(rng, rows):
    """pyarrow can build a union only from whole arrays."""
    kinds = pa.array([rng.randrange(2) for _ in range(rows)], pa.int8())
    numbers, texts = pa.array(range(rows), pa.int32()), pa.array([random_text(rng) for _ in range(rows)])
    if rng.random() < 0.5:
        return pa.UnionArray.from_sparse(kinds, [numbers, texts], ["number", "text"])
    return pa.UnionArray.from_dense(kinds, pa.array(range(rows), pa.int32()), [numbers, texts], ["number", "text"])


def random_table(rng):
    columns, fields = [], []
    rows = rng.randrange(COLUMN_ROWS_MAX)
    for number in range(rng.randrange(1, 5)):
        if rng.random() < 0.05:
            column = random_union(rng, rows)
        else:
            column_type, make = random_column_type(rng)
            column = pa.array([None if rng.random() < 0.2 else make(rng) for _ in range(rows)], column_type)
        columns.append(column)
        fields.append(pa.field(f"column {number}", column.type, metadata={"note": random_text(rng)}))
    metadata = {"made for": random_text(rng)} if rng.random() < 0.5 else None
    return pa.Table.from_arrays(columns, schema=pa.schema(fields, metadata=metadata))


def make_values(directory, count, seed):
    rng = random.Random(seed)
    values = []
    for number in range(count):
        kind = rng.choice(["bytes", "json", "table"])
        if kind == "bytes":
            values.append({"kind": kind, "hex": rng.randbytes(rng.choice([0, 1, 100, 5000])).hex()})
        elif kind == "json":
            values.append({"kind": kind, "value": random_json(rng)})
        else:
            table = random_table(rng)
            name = f"{number}.arrows"
            with pa.OSFile(os.path.join(directory, name), "wb") as sink:
                with pa.ipc.new_stream(sink, table.schema) as writer:
                    # Several pieces or none, for several batches or none.
                    writer.write_table(table, max_chunksize=5)
            values.append({"kind": kind, "file": name})
    with open(os.path.join(directory, "values.json"), "w", encoding="utf-8") as file:
        json.dump(values, file)


def load_values(directory):
    with open(os.path.join(directory, "values.json"), encoding="utf-8") as file:
        for value in json.load(file):
            if value["kind"] == "bytes":
                yield bytes.fromhex(value["hex"])
            elif value["kind"] == "json":
                yield value["value"]
            else:
                with pa.OSFile(os.path.join(directory, value["file"]), "rb") as source:
                    yield pa.ipc.open_stream(source).read_all()


def is_equal_json(got, wanted):
    """As ==, but True is not 1. A float without a fraction may come back as an integer: JavaScript
    has one number type.
    """
    if isinstance(wanted, (list, dict)):
        if type(got) is not type(wanted) or len(got) != len(wanted):
            return False
        if isinstance(wanted, list):
            return all(is_equal_json(a, b) for a, b in zip(got, wanted))
        return all(name in got and is_equal_json(got[name], item) for name, item in wanted.items())
    return isinstance(got, bool) == isinstance(wanted, bool) and got == wanted


def is_equal(got, wanted):
    if isinstance(wanted, bytes):
        return type(got) is bytes and got == wanted
    if not isinstance(wanted, pa.Table):
        return is_equal_json(got, wanted)
    if not isinstance(got, pa.Table):
        return False
    # The cache adds the logical type and the version; all other metadata must be equal.
    metadata = {k: v for k, v in (got.schema.metadata or {}).items() if not k.startswith(b"flame.cache.")}
    return got.replace_schema_metadata(metadata or None).equals(wanted, check_metadata=True)


def put_values(directory, prefix):
    import flame_object_cache

    refs = [flame_object_cache.put_object(prefix, value) for value in load_values(directory)]
    print(json.dumps([ref.encode().hex() for ref in refs]))


def check_values(directory):
    import flame_object_cache

    refs = [flame_object_cache.ObjectRef.decode(bytes.fromhex(text)) for text in json.load(sys.stdin)]
    different = []
    for number, (ref, wanted) in enumerate(zip(refs, load_values(directory))):
        try:
            got = flame_object_cache.get_object(ref, allow_pickle=False)
            if not is_equal(got, wanted):
                different.append({"number": number, "got": repr(got)[:400], "wanted": repr(wanted)[:400]})
        except Exception as error:
            different.append({"number": number, "error": repr(error)[:400]})
    print(json.dumps({"compared": len(refs), "different": different}))


if __name__ == "__main__":
    command, directory, *rest = sys.argv[1:]
    if command == "make":
        make_values(directory, int(rest[0]), int(rest[1]))
    elif command == "put":
        put_values(directory, rest[0])
    else:
        check_values(directory)
