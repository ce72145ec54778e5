"""GET /health."""


def test_it_works(visitor):
    assert visitor.get("/health").json() == {"status": "ok"}


def test_the_engine_is_not_asked(visitor, engine):
    engine.down = True
    assert visitor.get("/health").status_code == 200
