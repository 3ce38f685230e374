"""Promises that stand on optional packages.

estimators  `nnmat.sklearn` beside scikit-learn's own networks
"""
