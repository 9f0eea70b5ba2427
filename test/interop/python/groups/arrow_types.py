"""Every Arrow type pyarrow can make comes back: with nulls, in slices, nested, without rows, and from the file."""

import pyarrow as pa

from support.arrow_values import ARRAYS, SCHEMA_ONLY
from support.calls import get, put
from support.cases import each
from support.expect import same_batches

STORAGES = ("files",)


def _type_ids(kind: pa.DataType) -> set[int]:
    """The ids of a type and of the types within it."""
    within = [kind.field(index).type for index in range(kind.num_fields)]
    if isinstance(kind, pa.DictionaryType):
        within += [kind.value_type, kind.index_type]
    if isinstance(kind, pa.BaseExtensionType):
        within.append(kind.storage_type)
    return {kind.id}.union(*(_type_ids(part) for part in within))


def _batches(array: pa.Array) -> list[pa.RecordBatch]:
    """The array alone, in a list and in a struct, beside a column without nulls; whole, sliced and without rows."""
    count = len(array)
    in_list = pa.LargeListArray.from_arrays(pa.array([*range(count), count], pa.int64()), array)
    in_struct = pa.StructArray.from_arrays([array], ["inner"])
    columns = [array, in_list, in_struct, pa.array(range(count), pa.int32())]
    fields = [
        pa.field("value", array.type, metadata={"field": "own"}),
        pa.field("list", in_list.type),
        pa.field("struct", in_struct.type),
        pa.field("row", pa.int32(), nullable=False),
    ]
    whole = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields, metadata={"type": str(array.type)}))
    return [whole, whole.slice(1), whole.slice(0, 0), whole.slice(1, 1), whole]


def case_this_test_has_every_type_id_of_pyarrow(_cache):
    # Extensions have no id of their own constant in the list: their storage stands for them.
    known = {name: getattr(pa.lib, name) for name in dir(pa.lib) if name.startswith("Type_")}
    tried = set().union(
        *(_type_ids(array.type) for array in ARRAYS.values()), {kind.id for kind in SCHEMA_ONLY.values()}
    )
    assert not [name for name, number in known.items() if number not in tried]


@each(ARRAYS)
def case_come_back_equal(cache, array):
    key, batches = cache.key(), _batches(array)
    put(cache.client, key, batches)
    same_batches(get(cache.client, key).batches, batches)
    own = batches[0].schema.metadata
    same_batches([batch.replace_schema_metadata(own) for batch in get(cache.client, f"{key}:0").batches], batches)
    with pa.ipc.open_file(cache.written_file(key)) as reader:
        same_batches([reader.get_batch(index) for index in range(reader.num_record_batches)], batches)


def case_come_back_equal_all_in_one_table(cache):
    key, names = cache.key(), list(ARRAYS)
    count = min(len(array) for array in ARRAYS.values())
    batch = pa.RecordBatch.from_arrays([ARRAYS[name].slice(0, count) for name in names], names)
    put(cache.client, key, [batch] * 3)
    same_batches(get(cache.client, key).batches, [batch] * 3)


def case_come_back_equal_in_version_4_of_the_format(cache):
    key = cache.key()
    # Version 4 lays out unions differently, and later types do not exist in it.
    names = ["int32", "string", "list", "struct", "dictionary with int8 indices", "decimal128(38, 4)"]
    batch = pa.RecordBatch.from_arrays([ARRAYS[name].slice(0, 3) for name in names], names)
    put(cache.client, key, [batch], write_options=pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4))
    same_batches(get(cache.client, key).batches, [batch])


@each(SCHEMA_ONLY)
def case_are_kept_in_a_schema_without_batches_as_interval_of(cache, kind):
    key, schema = cache.key(), pa.schema([pa.field("value", kind), pa.field("list", pa.list_(kind))])
    put(cache.client, key, [], schema=schema)
    assert get(cache.client, key).schema.equals(schema)
