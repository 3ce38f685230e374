"""`nnmat serve`: the calculus as a page in the browser, on this machine only.

answers     what the page asks, answered as data
server      the server: its files, and who is let in
page.html   the page; page.js what its buttons do
"""
