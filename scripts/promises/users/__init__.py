"""Promises to users with tools of their own.

files       what is read and refused; an installed package without a checkout
estimators  scikit-learn's checks, accuracy and time beside its networks
"""
