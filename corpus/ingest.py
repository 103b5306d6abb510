"""The corpus as an index: chunk, embed, store in Chroma, fit the ranker. `python -m corpus.ingest` builds it beforehand.

An index lives in a folder named by a digest of what went into it, so it is fresh or it is another folder. A build writes a
new generation beside the old one and then points the manifest to it: a reader never sees half an index, and a damaged one
is mended by building the next generation.
"""

import hashlib
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from agent.encoder import Encoder
from agent.errors import ConfigurationError, RetrievalError
from agent.library import Library, load_library
from agent.ranker import Ranker
from agent.settings import load_settings

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

log = logging.getLogger(__name__)
FORM = "3"  # of chunks and ranker; raise it when either changes
CHUNKS, TEXTS = "chunks", "texts"  # the two collections: what is found, and every other text of the corpus with its vector
BATCH = 1000  # records a call
ABANDONED = 3600  # seconds after which another generation is certainly nobody's work in progress


@dataclass(frozen=True)
class Chunk:
    """One indexed text and the subsection it speaks for."""

    id: str
    section: str
    subsection: str
    kind: Literal["point", "good", "saying", "example"]
    embedded: str  # what is encoded
    shown: str  # what a reader gets; a saying or an example shows nothing of its own


@dataclass(frozen=True)
class Index:
    """An open index."""

    chunks: "Collection"
    ranker: Ranker
    held: tuple[Chunk, ...]


def chunks(library: Library) -> Iterator[Chunk]:
    """What retrieval finds: points (what they mean, how they sound in a good answer), sayings, and the rubrics' examples."""
    for section in library.sections:
        for part in section.subsections:
            for number, point in enumerate(part.points):
                shown = f"{point.name}. {point.text}" + (f" In a good answer: {point.good}" if point.good else "")
                name = f"{part.id}/p{number}"
                yield Chunk(name, section.id, part.id, "point", f"{part.title}: {point.name}. {point.text}", shown)
                if point.good:
                    yield Chunk(f"{name}g", section.id, part.id, "good", f"{point.name}. {point.good}", shown)
            for number, saying in enumerate(part.sayings):
                yield Chunk(f"{part.id}/s{number}", section.id, part.id, "saying", saying, "")
    for criterion in library.criteria.values():
        for part_id in (reference for reference in criterion.references if reference in library.subsections):
            for number, example in enumerate(criterion.examples):
                yield Chunk(f"{part_id}/e-{criterion.id}-{number}", part_id.split(".")[0], part_id, "example", example, "")


def other_texts(library: Library) -> list[str]:
    """The texts whose vectors the matcher and the fact finder need; kept, so that no start encodes them again."""
    texts = [text for c in library.criteria.values() for text in (c.statement, *c.examples, *c.near_misses)]
    texts += [ask for scenario in library.scenarios.values() for fact in scenario.facts for ask in fact.asks]
    return list(dict.fromkeys(texts))


def open_index(library: Library, encoder: Encoder, home: Path) -> Index:
    """The index of this corpus under `home`: the kept one if it is fresh and sound, else a new one.

    Raises RetrievalError when none can be built (no space, no permission).
    """
    held, texts = tuple(chunks(library)), other_texts(library)
    key = hashlib.sha256(json.dumps([FORM, encoder.name, [(c.id, c.embedded) for c in held], texts]).encode()).hexdigest()[:16]
    folder = home / "index" / key
    found = _kept(folder, held, texts, encoder)
    if found is not None:
        return found
    try:
        _build(folder, held, texts, encoder)
    except ConfigurationError:
        raise
    except Exception as error:  # the file system's and Chroma's failures alike
        raise RetrievalError(f"The index of the corpus cannot be written to {folder}: {error}. Set AGENT_DATA to a folder with space.") from None
    found = _kept(folder, held, texts, encoder)
    if found is None:
        raise RetrievalError(f"The index in {folder} was just built and cannot be read. Remove the folder and start again.")
    return found


def _kept(folder: Path, held: tuple[Chunk, ...], texts: list[str], encoder: Encoder) -> Index | None:
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        return None
    try:
        generation = folder / json.loads(manifest.read_text())["generation"]
        client = _client(generation)
        collection = client.get_collection(CHUNKS, embedding_function=None)
        known = collection.get(include=["embeddings", "documents"])
        remembered = client.get_collection(TEXTS, embedding_function=None).get(include=["embeddings", "documents"])
        ranker = Ranker.read(generation / "ranker.joblib")
        if set(known["ids"]) != {chunk.id for chunk in held} or set(remembered["documents"] or ()) != set(texts):
            raise RetrievalError("it is incomplete")
        collection.query(query_embeddings=[known["embeddings"][0]], n_results=1)
        encoder.remember(remembered["documents"], remembered["embeddings"])
        return Index(collection, ranker, held)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # Chroma's core panics outside Exception on a damaged file
        why = error if isinstance(error, RetrievalError) else type(error).__name__
        log.warning("The index in %s is damaged (%s); building it again.", folder, why)
    return None


def _build(folder: Path, held: tuple[Chunk, ...], texts: list[str], encoder: Encoder) -> None:
    log.warning("Building the index of the corpus: %d texts, a minute or two.", len(held) + len(texts))
    folder.mkdir(parents=True, exist_ok=True)
    generation = Path(tempfile.mkdtemp(prefix="g-", dir=folder))  # before the long work: a folder that cannot be written fails now
    vectors = encoder.encode_many([*(chunk.embedded for chunk in held), *texts])
    of_chunks, of_texts = vectors[: len(held)], vectors[len(held) :]
    client = _client(generation)
    collection = client.create_collection(CHUNKS, embedding_function=None, metadata={"hnsw:space": "cosine"})
    metadata = [{"section": c.section, "subsection": c.subsection, "kind": c.kind} for c in held]
    _add(collection, [c.id for c in held], of_chunks, [c.embedded for c in held], metadata)
    memory = client.create_collection(TEXTS, embedding_function=None)
    _add(memory, [hashlib.sha256(text.encode()).hexdigest() for text in texts], of_texts, texts, None)
    Ranker.fit([c.embedded for c in held], of_chunks, [c.subsection for c in held]).write(generation / "ranker.joblib")
    pointer = folder / f"manifest.{generation.name}"
    pointer.write_text(json.dumps({"generation": generation.name, "chunks": len(held), "texts": len(texts)}))
    pointer.replace(folder / "manifest.json")
    for old in folder.glob("g-*"):
        if old != generation and time.time() - old.stat().st_mtime > ABANDONED:  # a younger one may be another process at work
            shutil.rmtree(old, ignore_errors=True)


def _add(collection: "Collection", ids: list[str], vectors: Any, documents: list[str], metadata: list[dict[str, str]] | None) -> None:
    for start in range(0, len(ids), BATCH):
        part = slice(start, start + BATCH)
        collection.add(ids=ids[part], embeddings=vectors[part].tolist(), documents=documents[part], metadatas=metadata[part] if metadata else None)  # type: ignore[arg-type]


def _client(path: Path) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    return chromadb.PersistentClient(path=str(path), settings=ChromaSettings(anonymized_telemetry=False))


def main() -> int:
    """Build the index of the configured corpus if it is not there."""
    settings = load_settings()
    open_index(load_library(settings.corpus), Encoder(settings.encoder), settings.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
