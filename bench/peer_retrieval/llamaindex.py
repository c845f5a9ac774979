"""LlamaIndex with its own splitter and store: dense as by default, and fused with its BM25."""

import meaning
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import MockLLM
from llama_index.core.retrievers import QueryFusionRetriever
from llama_index.retrievers.bm25 import BM25Retriever


class Meaning(BaseEmbedding):
    def _get_query_embedding(self, query):
        return meaning.embed_question(query)

    async def _aget_query_embedding(self, query):
        return meaning.embed_question(query)

    def _get_text_embedding(self, text):
        return meaning.embed_documents([text])[0]

    def _get_text_embeddings(self, texts):
        return meaning.embed_documents(texts)


documents = [Document(text=text, doc_id=key) for key, text in meaning.documents().items()]
index = VectorStoreIndex.from_documents(documents, embed_model=Meaning())
dense = index.as_retriever(similarity_top_k=meaning.ASKED)
words = BM25Retriever.from_defaults(
    nodes=list(index.docstore.docs.values()), similarity_top_k=meaning.ASKED
)
both = QueryFusionRetriever(
    [dense, words],
    llm=MockLLM(),
    num_queries=1,
    mode="reciprocal_rerank",
    similarity_top_k=meaning.ASKED,
    use_async=False,
)


def asked(retriever):
    return lambda text: [found.node.ref_doc_id for found in retriever.retrieve(text)]


meaning.write(dense=asked(dense), hybrid=asked(both))
