module rigtools

go 1.26
