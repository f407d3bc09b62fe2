"""Which query type a message is, whether it is any, and how dear a model it needs.

`features` hashes a message, `fitting` learns a `router` from items, `calibration` makes its scores
probabilities, `abstention` says when it should not choose, `drift` whether messages still are what
it was fitted on, `explaining` what spoke for a choice, `storing` keeps it as plain arrays.
`quality` and `cascade` choose between a weak and a strong model, `gain` says what that brings.
NumPy and the standard library only; no random source: the same items give the same bytes.
"""
