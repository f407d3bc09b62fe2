"""Routers on real messages and real outcomes, beside linear classifiers of scikit-learn."""
