"""A derivation as a page that any browser shows, without network.

derivation_page  the function, the chain, every step with its law, the evidence, the code
marked           a formula in which one part is pointed at
style.css        how it looks
copying.js       the buttons that copy code
"""
