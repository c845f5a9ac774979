"""Self-contained HTML pages and static figures; whatever comes from strangers is shown as text."""
