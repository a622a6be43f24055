"""The record of every request and of every change, in logs that nobody can alter without its being seen."""
