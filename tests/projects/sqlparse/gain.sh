#!/bin/sh
# Names the token once that 700 words of the tables have.
sed -i -e 's/^KEYWORDS = {/_K = tokens.Keyword\n\nKEYWORDS = {/' -e 's/tokens\.Keyword,/_K,/' sqlparse/keywords.py
