"""LangChain with its recursive splitter (1000 characters, 200 overlap) and Chroma."""

import meaning
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter


class Meaning(Embeddings):
    def embed_documents(self, texts):
        return meaning.embed_documents(texts)

    def embed_query(self, text):
        return meaning.embed_question(text)


documents = [
    Document(page_content=text, metadata={"key": key}) for key, text in meaning.documents().items()
]
chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(
    documents
)
store = Chroma(embedding_function=Meaning())
for start in range(0, len(chunks), 1000):
    store.add_documents(chunks[start : start + 1000])


def ask(text):
    return [found.metadata["key"] for found in store.similarity_search(text, k=meaning.ASKED)]


meaning.write(dense=ask)
