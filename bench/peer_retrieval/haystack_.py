"""Haystack with its splitter (200 words) and store in memory: dense, and fused with its BM25."""

import meaning
from haystack import Document
from haystack.components.joiners import DocumentJoiner
from haystack.components.preprocessors import DocumentSplitter
from haystack.components.retrievers.in_memory import (
    InMemoryBM25Retriever,
    InMemoryEmbeddingRetriever,
)
from haystack.document_stores.in_memory import InMemoryDocumentStore

splitter = DocumentSplitter()
splitter.warm_up()
chunks = splitter.run(
    [Document(content=text, meta={"key": key}) for key, text in meaning.documents().items()]
)["documents"]
vectors = meaning.embed_documents([chunk.content for chunk in chunks])
for chunk, vector in zip(chunks, vectors, strict=True):
    chunk.embedding = vector  # it warns, and takes it
store = InMemoryDocumentStore(embedding_similarity_function="cosine")
store.write_documents(chunks)
near = InMemoryEmbeddingRetriever(store, top_k=meaning.ASKED)
words = InMemoryBM25Retriever(store, top_k=meaning.ASKED)
joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=meaning.ASKED)


def dense(text):
    return near.run(query_embedding=meaning.embed_question(text))["documents"]


def both(text):
    return joiner.run([dense(text), words.run(query=text)["documents"]])["documents"]


meaning.write(
    dense=lambda text: [found.meta["key"] for found in dense(text)],
    hybrid=lambda text: [found.meta["key"] for found in both(text)],
)
