import keras
import numpy as np
import pytest

from fashionclf.system import files
from fashionclf.training import checkpoints
from tests.helpers.checks import killed_after


@pytest.fixture
def saved(tmp_path):
    """Three saves, of which two are kept: of weights 2 after epoch 2, and 3 after epoch 3."""
    made = make(tmp_path)
    for epoch in (1, 2, 3):
        save(*made, epoch)
    return tmp_path


def make(folder):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    return checkpoints.TrainingState(folder, model, optimizer), model


def save(state, model, epoch):
    model.set_weights([np.full((2, 1), epoch, np.float32)])
    state.save(epoch=epoch)


def restored(folder):
    state, model = make(folder)
    assert state.restore()
    assert (model.get_weights()[0] == state.epoch).all()
    return state.epoch


def newest(folder, kind):
    return max(folder.glob(f"ckpt-*.{kind}*"))


@pytest.mark.parametrize("kind", ["data", "index"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_newest_save_is_said_aloud_and_the_one_before_is_used(
        saved, capsys, kind, share):
    file = newest(saved, kind)
    file.write_bytes(file.read_bytes()[:int(share * file.stat().st_size)])
    assert restored(saved) == 2
    assert "ckpt-3 is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["data", "index"])
def test_no_flipped_byte_is_taken_for_a_state(saved, kind):
    """Wherever it is, the save before is used, or the byte held nothing of the state."""
    file = newest(saved, kind)
    whole = file.read_bytes()
    found = []
    for place in range(0, len(whole), max(1, len(whole) // 25)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1:])
        found.append(restored(saved))
    file.write_bytes(whole)
    assert 2 in found and restored(saved) == 3
    newest(saved, "index").unlink()  # without it, the save was cut short
    assert restored(saved) == 2


@pytest.mark.parametrize("named", [0, 1])  # of the data and the index
def test_a_first_checkpoint_whose_writing_was_killed_is_a_new_start(tmp_path, named):
    with killed_after(named, files, "complete"):
        make(tmp_path)[0].save(epoch=1)
    (tmp_path / "incomplete-ckpt-1_temp").mkdir()  # TensorFlow leaves it when killed earlier
    (tmp_path / "incomplete-ckpt-1_temp/part-00000-of-00001.index.tempstate1").write_text("")

    state, model = make(tmp_path)
    assert not state.restore()
    save(state, model, 1)
    assert restored(tmp_path) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "ckpt-1.data-00000-of-00001", "ckpt-1.index"]


def test_saves_that_are_all_damaged_are_an_error_not_a_new_start(saved):
    for file in saved.glob("*.data*"):
        file.write_bytes(b"")
    with pytest.raises(ValueError, match="every checkpoint in .* is damaged: remove the folder"):
        restored(saved)


def test_training_goes_on_after_a_damaged_save(saved):
    newest(saved, "data").write_bytes(b"")
    state, model = make(saved)
    state.restore()
    save(state, model, 3)
    assert restored(saved) == 3 and len(list(saved.glob("*.index"))) == checkpoints.KEEP


def test_weights_that_are_not_finite_are_never_saved(saved):
    state, model = make(saved)
    state.restore()
    model.set_weights([np.array([[1], [np.nan]], np.float32)])
    with pytest.raises(FloatingPointError, match="last good checkpoint is .*ckpt-3"):
        state.save(epoch=4)
    assert restored(saved) == 3


@pytest.mark.parametrize("name", ["coats [1]", "a*?", "back\\slash", "{a,b} 100% ~", "mäntel"])
def test_checkpoints_are_found_in_a_folder_of_any_name(tmp_path, capsys, name):
    made = make(tmp_path / name)
    save(*made, 1)
    assert restored(tmp_path / name) == 1 and capsys.readouterr().err == ""
    newest(tmp_path / name, "data").write_bytes(b"")
    with pytest.raises(ValueError, match="damaged"):
        restored(tmp_path / name)


def test_a_checkpoint_that_lacks_a_file_is_not_called_damaged(saved):
    for file in saved.glob("*.data*"):
        file.unlink()
    with pytest.raises(OSError, match="can be read .*restore its files, or remove the folder"):
        restored(saved)
