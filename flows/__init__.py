"""The order in which things happen, and the command line."""

from models.printable import log_one_line_a_record

log_one_line_a_record()  # in every process of this package, however it was started
