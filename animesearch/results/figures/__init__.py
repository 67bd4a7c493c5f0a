"""Figures drawn by ourselves, the same in a page of the dashboard and in a report."""
