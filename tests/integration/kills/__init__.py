"""Faults at random moments: commands are killed, files damaged, disks filled, and the same commands issued again.

    python -m tests.integration.kills KIND NUMBER FOLDER [SEED]

What they end in is compared with an undisturbed run. Every command is a fork of one process that has imported
everything and computed nothing (a fork loses the threads of a computation), so that a start costs no imports. Prints
one JSON line per trial, and fails at the first difference. KIND is one of

    serial     one process is killed in the middle of a cell of any task
    workers    of a command with two workers the command or a worker is killed
    helpers    workers that help to embed what one cell reads are killed
    twice      the same command is issued twice at once, and one of both is killed
    pages      `harness leaderboard` is killed
    damage     a command is killed, then a file that it left is cut short or altered
    full       the disk of the results is full at some point (needs the right to mount a filesystem)
    read-only  the folders of the results become read-only at some point
    all        all of them in turn
"""
