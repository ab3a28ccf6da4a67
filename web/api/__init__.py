"""How the API answers: models and the shape of refusals."""
