"""Cases that people submit to support, their answers, and the mails about them."""
