"""Prefect: wires the rooms into flows, with retries and schedules."""
