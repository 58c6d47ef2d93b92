"""How many function calls it takes to make fifty plurals singular."""
import sys

import inflection

WORDS = [inflection.pluralize(word) for word in (
    'post category query ability agency movie archive index wife half move man person spokesman basis diagnosis datum '
    'stadium analysis node comment foobar newsletter perspective ox photo buffalo tomato dwarf elf bus status mouse '
    'house octopus virus alias portfolio vertex matrix axis testis crisis shoe horse prize edge cow database slave'
).split()]


def work():
    return [inflection.singularize(word) for word in WORDS]


work()
calls = 0


def count(frame, event, argument):
    global calls
    calls += event in ('call', 'c_call')


sys.setprofile(count)
work()
sys.setprofile(None)
print('calls:', calls)
