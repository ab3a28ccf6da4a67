"""What tagging must not load: it would take longer than tagging itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from diembao.errors import ConfigError
from nlp.words import _segmenter, _token_pattern

PROJECT = Path(__file__).parent.parent.parent

TAG_ONE = """
import sys
from pathlib import Path
from diembao.article import Article
from nlp.tagging import Tagger
tagged = Tagger(Path("config"), "Đồng Tháp").tag(Article(title="Mưa lớn ở Cái Bè", body="Ông Lê Văn An nói về nước sạch ở Tiền Giang."))
assert tagged.entities and tagged.places
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_tagging_does_not_import_what_only_training_and_the_package_of_underthesea_need() -> None:
    command = [sys.executable, "-W", "error", "-c", TAG_ONE]
    loaded = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "nlp", "underthesea_core"} <= set(loaded)
    assert not {"underthesea", "sklearn", "joblib", "requests", "urllib3", "prefect", "scrapy", "sqlalchemy"} & set(loaded)


def test_the_pattern_of_a_token_is_that_of_underthesea() -> None:
    from underthesea.pipeline.text_normalize.text_normalizer import character_map, token_map
    from underthesea.pipeline.word_tokenize.regex_tokenize import patterns

    segmenter = _segmenter()
    assert segmenter.pattern == patterns
    assert segmenter.letters == str.maketrans(character_map)
    assert segmenter.spelling == {wrong: right for wrong, right in token_map.items() if len(wrong) <= 6}


@pytest.mark.parametrize("source", ["patterns = 3", "a = 1", "patterns = (", "patterns = b"])
def test_another_module_is_named(tmp_path: Path, source: str) -> None:
    path = tmp_path / "regex_tokenize.py"
    path.write_text(source)
    with pytest.raises(ConfigError, match=r"regex_tokenize\.py: the pattern of a token"):
        _token_pattern(path)
