"""Options of a put that its answer must honour."""

from sdk import fails, settings
from support.cases import each

import flame_object_cache
from flame_object_cache import get_object, patch_object, put_object, update_object

STORAGES = ("files",)


def case_asks_for_a_power_loss(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object("durable", "s", b"value", durability="power-loss")
        ref = update_object(ref, b"other", durability="power-loss")
        patch_object(ref, b"more", durability="power-loss")
        assert get_object(ref, deserializer=lambda base, patches: [base, *patches]) == [b"other", b"more"]


@each({"to the server": None, "to a file": "own"})
def case_is_asked_of_the_server_also_in_local_storage_mode(cache, local):
    with settings(endpoint=cache.endpoint, storage=local and cache.storage):
        with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
            put_object("durable", "s", b"value", durability="for ever")
