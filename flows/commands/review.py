"""`antiphon review`: flagged calls become labels that several people agree on."""

from __future__ import annotations

import typer

from flows.commands.reviewing import desk, exchange, measures, people, samples

app = typer.Typer(help="Review flagged requests.", no_args_is_help=True)
app.command("queue")(desk.queue)
app.command("next")(desk.next_sample)
app.command("judge")(desk.judge)
app.command("undo")(desk.undo)
app.command("cluster")(desk.cluster)
app.command("history")(desk.history)
app.command("list")(samples.list_samples)
app.command("listen")(samples.listen)
app.command("accept")(samples.accept)
app.command("reject")(samples.reject)
app.command("erase")(samples.erase)
app.command("reviewers")(people.reviewers)
app.command("add-reviewer")(people.add_reviewer)
app.command("remove-reviewer")(people.remove_reviewer)
app.command("gold")(people.gold)
app.command("retire")(people.retire)
app.command("held")(measures.held)
app.command("clear")(measures.clear)
app.command("audit")(measures.audit)
app.command("export")(exchange.export)
app.command("import")(exchange.import_file)
