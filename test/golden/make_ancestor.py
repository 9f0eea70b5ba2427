"""Makes a data directory as the Rust cache (xflops/flame 0.6) leaves it, and what a client must be given of it.

Run it with a Python that has pyarrow 26, from anywhere:  python make_ancestor.py
Output beside this file: ancestor/<app>/<session>/<object>.arrow, <object>.deltas/<n>.arrow, and ancestor.json.

Files are laid out as arrow-rs lays them out: the magic padded to 64 bytes, messages and bodies at multiples of 64, each buffer
compressed by itself (its size in front, -1 and the bytes themselves where ZSTD gains nothing), a validity buffer for
each column. pyarrow makes the messages and the footer; their buffers, sizes and positions are written anew here.
"""

import json
import pathlib
import shutil
import struct

import pyarrow as pa

OUT = pathlib.Path(__file__).parent / "ancestor"
MAGIC = b"ARROW1"
ALIGNMENT = 64
ZSTD = pa.ipc.IpcWriteOptions(compression="zstd")
OPAQUE = pa.schema([pa.field("version", pa.uint64(), nullable=False), pa.field("data", pa.binary(), nullable=False)])


def padded(data, alignment=ALIGNMENT):
    return data + bytes(-len(data) % alignment)


class Table:
    """A table of a flatbuffer, as far as it is needed to find fields and change numbers in their place."""

    def __init__(self, data, position):
        self.data, self.position = data, position
        self.vtable = position - struct.unpack_from("<i", data, position)[0]

    @classmethod
    def root(cls, data):
        return cls(data, struct.unpack_from("<I", data, 0)[0])

    def field(self, slot):
        if 4 + 2 * slot >= struct.unpack_from("<H", self.data, self.vtable)[0]:
            return None
        offset = struct.unpack_from("<H", self.data, self.vtable + 4 + 2 * slot)[0]
        return self.position + offset if offset else None

    def table(self, slot):
        at = self.field(slot)
        return Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])

    def structs(self, slot, size):
        """Where the elements of a vector of structs stand."""
        at = self.field(slot)
        start = at + struct.unpack_from("<I", self.data, at)[0]
        return [start + 4 + size * i for i in range(struct.unpack_from("<I", self.data, start)[0])]


def compressed(data, always=False):
    """One buffer as arrow-rs writes it; or as Arrow C++ does, which compresses always."""
    if not data:
        return struct.pack("<q", 0)
    packed = pa.compress(data, codec="zstd", asbytes=True)
    if always:
        return struct.pack("<q", len(data)) + packed
    return struct.pack("<q", -1) + data if len(packed) > len(data) else struct.pack("<q", len(data)) + packed


def served(data, always):
    """The bytes of a value as they are sent: without the size in front where it is not compressed."""
    stored = compressed(data, always)
    return stored if struct.unpack_from("<q", stored)[0] > 0 else data


def plain(stored):
    """What a compressed buffer of pyarrow's holds."""
    if not stored:
        return b""
    size = struct.unpack_from("<q", stored)[0]
    return stored[8:] if size == -1 else pa.decompress(stored[8:], decompressed_size=size, codec="zstd", asbytes=True)


def framed(header):
    """A message's header with its prefix, so that what follows is aligned."""
    size = len(padded(bytes(8) + header)) - 8
    return struct.pack("<iI", -1, size) + header + bytes(size - len(header))


def rebuilt(header, body, validity_at, always):
    """Header and body of a record batch with its buffers laid out anew."""
    header = bytearray(header)
    message = Table.root(header)
    batch = message.table(2)
    rows = struct.unpack_from("<q", header, batch.field(0))[0]
    parts = b""
    for index, at in enumerate(batch.structs(2, 16)):
        offset, size = struct.unpack_from("<qq", header, at)
        data = plain(body[offset : offset + size])
        if index in validity_at and not data:
            data = b"\xff" * -(-rows // 8)
        stored = compressed(data, always)
        struct.pack_into("<qq", header, at, len(parts), len(stored))
        parts = padded(parts + stored)
    struct.pack_into("<q", header, message.field(3), len(parts))
    return bytes(header), parts


def rust_file(table, validity_at=(), always=False):
    """An IPC file of one batch per chunk of the table."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=ZSTD) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)
    made = sink.getvalue().to_pybytes()
    footer_size = struct.unpack_from("<i", made, len(made) - 10)[0]
    footer = bytearray(made[-10 - footer_size : -10])
    schema_size = struct.unpack_from("<I", made, 12)[0]
    file = padded(MAGIC) + framed(made[16 : 16 + schema_size])
    for at in Table.root(footer).structs(3, 24):
        position, metadata_size, body_size = struct.unpack_from("<qi4xq", footer, at)
        header = made[position + 8 : position + metadata_size]
        body = made[position + metadata_size : position + metadata_size + body_size]
        header, body = rebuilt(header, body, validity_at, always)
        struct.pack_into("<qi4xq", footer, at, len(file), len(framed(header)), len(body))
        file += framed(header) + body
    file += struct.pack("<iI", -1, 0) + bytes(footer) + struct.pack("<i", footer_size) + MAGIC
    check(file, table)
    return file


def check(file, table):
    """pyarrow takes the file for what it was made of."""
    read = pa.ipc.open_file(file).read_all()
    read.validate(full=True)
    assert read.equals(table) and read.schema.equals(table.schema, check_metadata=True)


def opaque(version, value, always=False):
    cells = [pa.array([version], pa.uint64()), pa.array([value], pa.binary())]
    return rust_file(pa.table(cells, schema=OPAQUE), (0, 2), always)


def table(version, first, rows=4):
    metadata = {"flame.cache.format": "arrow-table-v1", "flame.cache.logical_type": "pyarrow.table", "mine": "kept"}
    if version is not None:
        metadata["flame.cache.version"] = f"{version:020}"
    numbers = pa.array(range(first, first + rows), pa.int64())
    texts = pa.array([f"row {n} " * 40 for n in range(first, first + rows)])
    return pa.table([numbers, texts], schema=pa.schema([pa.field("n", pa.int64()), pa.field("t", pa.utf8())], metadata))


def value(name):
    """Long enough for ZSTD to gain something."""
    return (f"{name}, and again " * 30).encode()


# Each object: the version and value of its base, then version cell and value of each delta.
OPAQUES = {
    "plain": [(1, b"short")],
    "long": [(7, value("long"))],
    "empty": [(1, b"")],
    "direct": [(0, value("direct"))],
    "patched": [(3, value("base")), (4, b"one"), (5, value("two")), (6, b"three")],
    "zeros": [(2, value("base")), (0, value("one")), (0, b"two")],
    "leftovers": [(6, value("new base")), (3, b"old one"), (4, value("old two"))],
    "packed": [(258, value("base")), (259, b"one")],
    "mixed": [(4, value("base")), (3, b"old"), (6, value("new"))],
}
# Written with every buffer compressed, the version cells as well.
ALWAYS_COMPRESSED = {"packed"}
# Each table: the version and first number of its base, then those of each delta; None: the schema says none.
TABLES = {
    "table": [(12, 0), (13, 100), (14, 200)],
    "table-by-place": [(5, 0), (None, 100), (5, 200)],
    "table-alone": [(3, 0)],
}


def facts():
    """What each object is, worked out by the rules of the layout and not by the files.

    A row of a value: its version, the text, and the bytes that are sent in hex.
    """
    objects = {}
    for name, ((base, data), *deltas) in OPAQUES.items():
        version = base or 1
        always = name in ALWAYS_COMPRESSED
        rows = [[version, data.decode(), served(data, always).hex()]]
        for place, (cell, patch) in enumerate(deltas):
            if not 0 < cell <= version:
                rows.append([cell or version + place + 1, patch.decode(), served(patch, always).hex()])
        objects[f"team/jobs/{name}"] = {"kind": "opaque", "rows": rows}
    for name, parts in TABLES.items():
        numbers = [n for _, first in parts for n in range(first, first + 4)]
        objects[f"team/tables/{name}"] = {"kind": "table", "base": parts[0][0], "version": parts[0][0] + len(parts) - 1, "n": numbers}
    return objects


def write(session, name, parts):
    directory = OUT / "team" / session
    (directory / f"{name}.deltas").mkdir(parents=True, exist_ok=True)
    for place, data in enumerate(parts):
        (directory / (f"{name}.deltas/{place - 1}.arrow" if place else f"{name}.arrow")).write_bytes(data)
    if len(parts) == 1:
        (directory / f"{name}.deltas").rmdir()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    for name, parts in OPAQUES.items():
        write("jobs", name, [opaque(*part, name in ALWAYS_COMPRESSED) for part in parts])
    for name, parts in TABLES.items():
        write("tables", name, [rust_file(table(*part)) for part in parts])
    text = json.dumps(facts(), indent=1, ensure_ascii=False)
    (OUT.parent / "ancestor.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
