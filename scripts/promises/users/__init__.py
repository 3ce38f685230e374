"""Promises to users with tools of their own.

files  what is read and refused; an installed package without a checkout
"""
