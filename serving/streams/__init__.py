"""Live audio: WebSockets in the dialects that call centres speak, scored while a call goes on."""
