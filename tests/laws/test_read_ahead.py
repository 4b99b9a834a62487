"""While the store takes a batch of a backlog, the next one is read already."""

from pathlib import Path

from monitor.store.sqlite import SqliteStore
from tests.laws.test_histories import EmbeddedShelf, small_batches
from tests.laws.world import GROUPS, World


def test_a_message_posted_after_the_last_batch_was_read_ahead_is_settled(tmp_path: Path) -> None:
    shelf = EmbeddedShelf(tmp_path)
    with small_batches():
        world = World(tmp_path, lambda: SqliteStore(shelf.file), wal=False)
        for number in range(30):
            world.post(GROUPS[0], [], number)
        assert world.step(), "the backlog fits into one batch: nothing is read ahead"
        world.post(GROUPS[0], ["DR1752028"], 30)
        while world.step():
            pass
        assert shelf.look("SELECT drop_number FROM qa_photo_reviews") == [("DR1752028",)]
        world.kill()
        world.writer.close()
