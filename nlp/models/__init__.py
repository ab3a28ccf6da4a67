"""Models trained from labelled headlines: what an article is about, how it reads, and who is criticised.

`ngrams` turns text into features, `labels` reads labelled headlines, `training` fits, `model` keeps and applies what was
fitted, `reading` applies it to whole articles, `evaluation` measures. Only training and evaluation import scikit-learn.
"""
