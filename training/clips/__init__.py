"""Networks for labelled clips of one length, such as Speech Commands."""
