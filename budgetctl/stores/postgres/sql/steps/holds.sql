-- Which hold an entry has resolved. A step of its own, which keeps nobody from writing.
UPDATE entries e SET hold = o.hold FROM holds o
    WHERE o.state = 'committed' AND e.project = o.project AND e.account = o.account AND e.number = o.number;
