"""Networks in Python: trained ones that answer, and estimators for scikit-learn that train them."""
