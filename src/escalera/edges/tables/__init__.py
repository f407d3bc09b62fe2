"""Rows of plain tables in files of any kind, whatever they mean: what edges that read files share.

The caller says which error a broken file is, so that people are told in the words of their task.
"""
