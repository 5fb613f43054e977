"""`python3 tests/vectors/derive`: derives every vector, writes those that are missing, and fails if one differs."""

import sys

sys.dont_write_bytecode = True

import grids
import records
import sealed
import texts
from write import finish

texts.write_all()
records.write_all()
grids.write_all()
sealed.write_all()
finish()
